import java.io.ByteArrayInputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/** A Factur-X PDF as a whole by Mustang: the file, and the XML inside it. */
final class Mustang {
  private static final Pattern RULE = Pattern.compile("\\[(?:ID )?((?:BR|PEPPOL|FX|CII|UBL)-[A-Z0-9-]+)\\]");
  private final Class<?> validator;

  Mustang(Path jar) throws Exception {
    ClassLoader own = new URLClassLoader(new URL[] {jar.toUri().toURL()}, ClassLoader.getPlatformClassLoader());
    validator = own.loadClass("org.mustangproject.validator.ZUGFeRDValidator");
  }

  /**
   * Its own "completely valid" is true for a valid XML in a PDF that is no PDF/A: every part of the report must say
   * valid, and there must be one for the PDF, one for the XML and one for the whole.
   */
  Answer check(String file) throws Exception {
    ClassLoader former = Thread.currentThread().getContextClassLoader();
    Thread.currentThread().setContextClassLoader(validator.getClassLoader());
    try {
      Object made = validator.getConstructor().newInstance();
      String report = (String) validator.getMethod("validate", String.class).invoke(made, file);
      Document document = DocumentBuilderFactory.newInstance().newDocumentBuilder()
          .parse(new ByteArrayInputStream(report.getBytes(StandardCharsets.UTF_8)));
      NodeList parts = document.getElementsByTagName("summary");
      List<String> said = new ArrayList<>();
      for (int i = 0; i < parts.getLength(); i++) {
        Element part = (Element) parts.item(i);
        said.add(part.getParentNode().getNodeName() + "=" + part.getAttribute("status"));
      }
      boolean valid = said.size() >= 3 && said.stream().allMatch(one -> one.endsWith("=valid"));
      return new Answer(valid, String.join(" ", said), remarks(document, "error", "exception"),
          remarks(document, "warning", "notice"));
    } finally {
      Thread.currentThread().setContextClassLoader(former);
    }
  }

  private static List<Answer.Remark> remarks(Document report, String... names) {
    List<Answer.Remark> found = new ArrayList<>();
    for (String name : names) {
      NodeList nodes = report.getElementsByTagName(name);
      for (int i = 0; i < nodes.getLength(); i++) {
        Element node = (Element) nodes.item(i);
        String text = node.getTextContent().trim();
        Matcher rule = RULE.matcher(text);
        found.add(new Answer.Remark(rule.find() ? rule.group(1) : name + node.getAttribute("type"), text));
      }
    }
    return found;
  }
}
